"""Search for output sequences inside the graph, one token at a time, over a step function of any model."""
