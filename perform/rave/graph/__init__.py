"""The methods of a model as ONNX graphs, which run many times a second.

`methods` lists the graphs, `layer_graphs` builds the part of each layer, `builder` the nodes.
"""

from perform.rave.graph.methods import (
    GRAPHS,
    METHODS,
    decoder_graph,
    encoder_graph,
    forward_graph,
    prior_graph,
)

__all__ = ["GRAPHS", "METHODS", "decoder_graph", "encoder_graph", "forward_graph", "prior_graph"]
