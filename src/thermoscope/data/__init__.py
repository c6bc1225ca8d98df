"""Logits, labels and targets as people have them: files, texts, arrays, and what servers answer."""
