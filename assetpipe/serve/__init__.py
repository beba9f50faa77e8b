"""The run side without a framework: from logical names to URLs, from requests to responses."""
