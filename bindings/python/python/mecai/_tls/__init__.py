"""MECAI inside the interpreter's `ssl`: in contexts, in their connections, in the whole process."""
