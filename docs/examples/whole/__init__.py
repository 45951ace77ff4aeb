"""A whole: a person, an orchestrator, two workers, an MCP server, an HTTP service and another agent. See `story`."""
