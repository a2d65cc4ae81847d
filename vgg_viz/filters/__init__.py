"""What convolution kernels can and cannot do, from their numbers alone. numpy only, no torch."""
