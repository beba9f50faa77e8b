"""The tests; a package, so that its helpers can be imported and run as modules."""
