"""The command line: tools on top of the library and the stages."""
