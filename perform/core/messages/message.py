"""The base classes of all orders and reports."""

from __future__ import annotations

from msgspec import Struct


class Order(Struct, frozen=True, tag=True, tag_field="order", forbid_unknown_fields=True):
    """Base of all orders: stage -> child."""


class Report(Struct, frozen=True, tag=True, tag_field="report", forbid_unknown_fields=True):
    """Base of all reports: child -> stage."""
