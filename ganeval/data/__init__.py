"""The embedded data set, and data sets by name. Nothing is imported here: `import ganeval` stays light."""
