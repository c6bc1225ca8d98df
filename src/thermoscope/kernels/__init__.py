"""How the definition is computed, one module for each kind of array."""
