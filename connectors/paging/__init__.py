"""From page to page: how a stream is walked, in the windows that its peer allows."""
