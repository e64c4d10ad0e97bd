"""Tasks that generate a sequence token by token: search, serving graph, predictor and scores."""
