"""The tree of a filter in the form of vectors/filters/parse.json, as vectors/README.md has it ("How they are read")."""
import re

from filter import double_text, fold
from filter_grammar import KINDS, SEQUENCE_MAX

LEVELS, NEVER = range(1, 25), {"or": []}


def tree_json(tree, is_there=False):
    """`is_there`: for the field `message`, whether its tests are inside of one that it is there."""
    if tree[0] == "all":
        return {"all": True}
    if tree[0] == "not":
        return {"not": tree_json(tree[1], is_there)}
    if tree[0] in ("and", "or"):
        return (compared_json if isinstance(tree[1], tuple) else list_json)(*tree, is_there)
    _, field, check = tree
    if field in ("level", "kind"):
        return numbers_json(field, [check])
    if field in ("seq", "time"):
        return range_json(field, check)
    if isinstance(field, tuple):
        return {"attribute": field[1], "test": test_json(check)}
    test = {"message" if field == "text" else field: test_json(check, is_exact=field == "stream")}
    return there_json(test) if field == "message" and check != ("there",) and not is_there else test


def list_json(operator, parts, is_there=False):
    return {operator: [tree_json(part, is_there) for part in parts]}


def there_json(test):
    return {"and": [{"message": "exists"}, test]}


def compared_json(operator, parts, is_there):
    """What is written as one field: a set, or a comparison with != or !~."""
    field = parts[0][1]
    if operator == "and":
        return list_json("and", parts, is_there=True)
    if field in ("level", "kind"):
        return numbers_json(field, [part[2] for part in parts])
    found = list_json("or", parts, is_there=True)
    return there_json(found) if field == "message" and not is_there else found


def numbers_json(field, checks):
    every = list(LEVELS) if field == "level" else list(KINDS.values())
    found = [n for n in every if any(
        check == ("there",) or (check[1] is None or check[1] <= n) and (check[2] is None or n <= check[2])
        for check in checks)]
    if not found:
        return NEVER
    if field == "kind":
        return {"kind": [name for name, n in KINDS.items() if n in found]}
    starts = [n for n in found if n - 1 not in found]
    return {"level": [[n, next(last for last in range(n, 25) if last + 1 not in found)] for n in starts]}


def range_json(field, check):
    least, most = (1, SEQUENCE_MAX) if field == "seq" else (-2**63, 2**63 - 1)
    low, high = check[1:] if check != ("there",) else (None, None)
    low, high = max(least, least if low is None else low), min(most, most if high is None else high)
    if low > high:
        return NEVER
    return {field: [None if low == least else low, None if high == most else high]}


def test_json(check, is_exact=False):
    kind = check[0]
    if kind == "there":
        return "exists"
    if kind == "order":
        return {check[1]: check[2]}
    if kind == "between":
        return {"range": [number_json(bound) for bound in check[1:]]}
    if kind == "pattern":
        return {"matches": check[1]}
    if kind == "matches":
        return {"regex": check[1].pattern, "case": "ignored" if check[1].ignores_case else "exact"}
    is_folded = not is_exact and fold(check[1].encode()) == check[1].encode()
    text = re.split(r"\*+", check[1]) if kind == "glob" else check[1]
    return {kind: text, "case": "ignored" if is_folded else "exact"}


def number_json(bound):
    return None if bound is None else double_text(bound) if isinstance(bound, float) else str(bound)
