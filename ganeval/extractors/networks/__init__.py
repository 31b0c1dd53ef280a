"""What several extractors share about networks. Imported only when a network is loaded."""
