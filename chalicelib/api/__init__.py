"""The HTTP API: one blueprint per resource."""

API_VERSION = "0.1.0"
