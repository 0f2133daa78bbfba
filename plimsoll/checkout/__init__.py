"""Another commit of the user's checkout, beside it: its files, and an interpreter that imports them."""
