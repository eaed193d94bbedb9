"""From names and shapes of weights to a transformer that works again: found, told what it means, rebuilt."""
