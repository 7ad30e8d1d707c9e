"""How each recipe trains: ``train(recipe, context)`` of its module gives a trained model."""
