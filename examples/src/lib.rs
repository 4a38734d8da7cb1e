//! Nothing here: the examples are the programs beside this folder.
