"""Training of the networks on a folder of photos: data, recipes, loop, evaluation, bundling."""
