"""Writes the metadata of an exported graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx


def labelled(graph: bytes, name: str, facts: Mapping[str, object]) -> bytes:
    """The same graph, named, with facts in its `metadata_props`."""
    model = onnx.load_from_string(graph)
    onnx.helper.set_model_props(model, {key: str(value) for key, value in facts.items()})
    model.producer_name, model.doc_string = "perform", name
    data: bytes = model.SerializeToString()
    return data
