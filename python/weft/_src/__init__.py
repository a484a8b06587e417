"""Private code of Weft; what is public stands one level up."""
