"""`perform bench`: computing time of models and of training steps, compared with other implementations."""
