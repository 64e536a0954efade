"""`1 row`, `2,000 rows`: a number with its noun, as every sentence to an admin has it."""


def plural(number: int, one: str, many: str = "") -> str:
    """`many` where an s alone does not make it."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
