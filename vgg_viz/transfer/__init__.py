"""Other tasks from the features of a classifier: labelling pixels, finding objects, painting."""
