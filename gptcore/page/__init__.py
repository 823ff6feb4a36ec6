"""The lessons as pages that are alive without Python: the model, the widgets and the prose, in plain JavaScript."""
