"""What is observed and measured: images, catalogues, what is learned from them, and how well."""
