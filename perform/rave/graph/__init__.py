"""A model's methods as ONNX graphs: what runs many times a second is better compiled once.

`methods` says which graphs there are, `layers` what a layer becomes, `builder` how nodes are written down.
"""

from perform.rave.graph.methods import METHODS, decoder_graph, encoder_graph, forward_graph
from perform.rave.graph.prior import prior_graph

__all__ = ["METHODS", "decoder_graph", "encoder_graph", "forward_graph", "prior_graph"]
