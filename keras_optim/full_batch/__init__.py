"""Full-batch minimisation: line searches, directions from curvature, and the loop around them."""
