"""One module per family of base models; `bases.registry` names them."""
