"""Bringing a province on: what an engineer does between the vendor's document and the first night."""
