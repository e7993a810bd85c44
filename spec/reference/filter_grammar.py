"""Reference parser of the filter language: filter.md, section 2, and what its fields take (3.2)."""
import datetime
import re
from functools import partial

import perl_regex

TEXT_MAX, TERMS_MAX, DEPTH_MAX, REGEXES_MAX, NUMBER_TEXT_MAX = 16 * 1024, 512, 32, 32, 64
SEQUENCE_MAX = 2**63 - 1
SPACE = " \t\n"
KINDS = {"log": 0, "status": 1, "complete": 2}
OPERATORS = ("==", "!=", ">=", "<=", "!~", ":", "=", ">", "<", "~")
LEVELS = {name: numbers for names, numbers in (
    ("trace verbose finest", (1, 4)), ("debug dbg fine finer", (5, 8)), ("info information informational", (9, 12)),
    ("notice", (10, 10)), ("warn warning", (13, 16)), ("error err severe", (17, 20)),
    ("critical crit", (18, 18)), ("alert", (19, 19)), ("fatal emerg emergency panic", (21, 24))) for name in names.split()}


class BadFilter(Exception):
    def __init__(self, at, reason):
        super().__init__(f"column {at + 1}: {reason}")
        self.column, self.reason = at + 1, reason


# 2. Grammar ----------------------------------------------------------------------------------------------------------

# A tree is one of
#   ("all",)   ("and", [tree...])   ("or", [tree...])   ("not", tree); with a tuple what one field is compared with
#   ("test", field, check): is it true for one of the field's values? `field` is a name that the language has, "text"
#       for the message that a term is about, which is always there, or ("attribute", name). `check` is one of
#           ("there",)  ("contains", text)  ("word", text)  ("matches", expression)  ("equals", text)  ("glob", text)
#           ("pattern", text)  ("order", operator, text)  ("between", lowest, highest), None for no bound
def parse(text):
    """The tree of a filter, which is bytes or a str."""
    data = text.encode() if isinstance(text, str) else text
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadFilter(len(data[:error.start].decode()), "not UTF-8") from None
    if len(data) > TEXT_MAX:
        raise BadFilter(0, f"more than {TEXT_MAX} bytes")
    if control := re.search("[^\t\n\x20-\x7e\xa0-\U0010ffff]", text):
        raise BadFilter(control.start(), "a control character")
    return Parser(text).filter()


class Parser:
    def __init__(self, text):
        self.text, self.at, self.depth, self.terms, self.regexes, self.is_in_set = text, 0, 0, 0, 0, False

    def refuse(self, reason, at=None):
        raise BadFilter(self.at if at is None else at, reason)

    def next(self):
        return self.text[self.at:self.at + 1]

    def skip_space(self):
        while self.next() and self.next() in SPACE:
            self.at += 1

    def ends(self, at, also=")"):
        """Whether a term ends here: at space, `)` or the end."""
        return at >= len(self.text) or self.text[at] in SPACE + also

    def take_operator(self, word):
        """AND, OR or NOT as a whole word."""
        end = self.at + len(word)
        if self.text.startswith(word, self.at) and self.ends(end, also="()"):
            self.at = end
            return True

    def count_term(self):
        self.terms += 1
        if self.terms > TERMS_MAX:
            self.refuse(f"more than {TERMS_MAX} terms")

    def nested(self, rule, begun):
        self.depth += 1
        if self.depth > DEPTH_MAX:
            self.refuse(f"nested more than {DEPTH_MAX} deep", begun)
        tree = rule()
        self.depth -= 1
        return tree

    def filter(self):
        self.skip_space()
        if not self.next():
            return ("all",)
        tree = self.either()
        if self.next():
            self.refuse("a ) without (")
        return tree

    def either(self):
        parts = [self.all()]
        while self.take_operator("OR"):
            parts.append(self.all())
        return ("or", parts) if len(parts) > 1 else parts[0]

    def all(self):
        parts = []
        while True:
            parts.append(self.negated())
            self.skip_space()
            begun = self.at
            if not self.next() or self.next() == ")" or self.take_operator("OR"):
                self.at = begun
                return ("and", parts) if len(parts) > 1 else parts[0]
            self.take_operator("AND")

    def negated(self):
        self.skip_space()
        begun = self.at
        if self.take_operator("NOT"):
            return ("not", self.nested(self.negated, begun))
        if self.next() != "-":
            return self.primary()
        self.at += 1
        if self.ends(self.at, also=")-"):
            self.refuse("nothing is negated")
        return ("not", self.nested(self.primary, begun))

    def primary(self):
        begun = self.at
        if not self.next() or self.next() == ")":
            self.refuse("a term is missing")
        if any(self.take_operator(word) for word in ("AND", "OR", "NOT")):
            self.refuse("a term is missing", begun)
        if self.next() != "(":
            return self.term()
        self.at += 1
        tree = self.nested(self.either, begun)
        if self.next() != ")":
            self.refuse("a ( is not closed", begun)
        self.at += 1
        return tree

    def term(self):
        begun = self.at
        self.count_term()
        if self.next() == '"':
            text = self.quoted()
            if operator := self.field_operator():
                return self.field(("attribute", text), operator)
            self.end_of_quoted()
            return ("test", "text", ("contains", text))
        if self.next() == "/" and (expression := self.regex()):
            return ("test", "text", ("matches", expression))
        if self.text.startswith("==", begun):
            self.refuse("an operator stands without spaces between a name and a value")
        if self.next() == "=":
            self.at += 1
            if self.next() != '"':
                return ("test", "text", ("word", self.plain_word()))
            text = self.quoted()
            self.end_of_quoted()
            return ("test", "text", ("word", text))
        name = NAME.match(self.text, self.at)
        if name and not self.text.startswith(("://", "::", ":\\"), name.end()):
            self.at = name.end()
            if operator := self.field_operator():
                if name[0] not in FIELDS and FOREIGN_NAME.fullmatch(name[0]):
                    self.refuse("no field is called so; in quotation marks it is the name of an attribute", begun)
                return self.field(name[0] if name[0] in FIELDS else ("attribute", name[0]), operator)
            self.at = begun
        return ("test", "text", ("contains", self.plain_word()))

    def plain_word(self):
        begun = self.at
        if re.compile(rf'\+["(A-Za-z_@$\x80-\U0010ffff]').match(self.text, begun) and self.text[begun + 1] not in SIGNS:
            self.refuse("every term has to be there without +", begun)
        word = self.word()
        if re.fullmatch("[:=!~<>]+", word):
            self.refuse("an operator stands between a name and a value", begun)
        if "*" in word:
            self.refuse("a word finds parts of words without *", begun + word.index("*"))
        if word.lower() == "in" and re.compile(r"[ \t\n]*\([^()]*,[^()]*\)").match(self.text, self.at):
            self.refuse("a set stands behind a name and a colon", begun)
        if sign := re.search(f"[{SIGNS}]", word):
            self.refuse("the operator is written in ASCII", begun + sign.start())
        self.refuse_wildcard(word, begun)
        return word

    def refuse_wildcard(self, word, begun):
        if re.fullmatch(r"[A-Za-z0-9\x80-\U0010ffff_.*?-]+", word) and "?" in word and re.search(r"[^_.*?-]", word):
            self.refuse("? stands for itself alone; in quotation marks it is text", begun + word.index("?"))

    def word(self, also=""):
        begun = self.at
        while not self.ends(self.at, also="()" + also):
            self.at += 1
        if begun == self.at:
            self.refuse("text is missing")
        if self.text[begun] in "!|&{}~><'`\u2018\u2019\u201c\u201d\u201e":
            self.refuse(f"{self.text[begun]} has no meaning here; in quotation marks it is text", begun)
        return self.text[begun:self.at]

    def quoted(self):
        begun, text = self.at, ""
        self.at += 1
        while self.next() != '"':
            c = self.next()
            if c == "\\":
                self.at += 1
                if self.next() not in tuple('"\\nrt'):
                    self.refuse("an unknown escape", self.at - 1)
                c = {"n": "\n", "r": "\r", "t": "\t"}.get(self.next(), self.next())
            if not c:
                self.refuse('a " is not closed', begun)
            text += c
            self.at += 1
        self.at += 1
        return text

    def end_of_quoted(self, also=""):
        if not self.ends(self.at, also=")" + also):
            self.refuse("expected space or ) behind a quotation mark")

    def value(self, also=""):
        """(text, whether it was in quotation marks, where it began)"""
        begun = self.at
        if self.next() != '"':
            return (self.word(also), False, begun)
        return (self.quoted(), True, begun)

    def checked(self, check, also=""):
        """What `check` makes of the value here. What is wrong with it comes before what is wrong behind it."""
        text, is_quoted, at = self.value(also)
        made = check(text, is_quoted, at)
        if is_quoted:
            self.end_of_quoted(also)
        return made

    def regex(self):
        """The expression that begins at the `/` here; None if it is a `/` of a word."""
        found = re.compile(r"/(?:\\.|[^/\n\\])*/([gims]{1,3})", re.DOTALL).match(self.text, self.at)
        if found and self.ends(found.end()) and found[1] != "i":
            self.refuse("an expression has no flag but i", found.start(1))
        found = re.compile(r"/((?:\\.|[^/\n\\])*)/(i?)", re.DOTALL).match(self.text, self.at)
        if not found or not self.ends(found.end()):
            return None
        self.regexes += 1
        if self.regexes > REGEXES_MAX:
            self.refuse(f"more than {REGEXES_MAX} regular expressions")
        try:
            expression = perl_regex.Expression(found[1], found[2] == "i")
        except perl_regex.BadPattern as error:
            self.refuse(f"the expression does not compile: {error}")
        self.at = found.end()
        return expression

    def field_operator(self):
        for operator in OPERATORS:
            if self.text.startswith(operator, self.at):
                self.at += len(operator)
                return operator

    def field(self, field, operator):
        begun, place = self.at, self.at - len(operator)
        kind = ATTRIBUTE if isinstance(field, tuple) else FIELDS[field]
        if self.next() in tuple("=~><!"):
            self.refuse("this operator is written another way", begun)
        if operator in ("~", "!~"):
            kind.check_operator(self, "~", place)
        elif operator[0] in "<>":
            kind.check_operator(self, "order", place)
        if self.ends(begun):
            self.refuse("a value is missing")
        if operator in ("~", "!~"):
            if self.next() != "/":
                check = ("contains", self.checked(lambda text, is_quoted, at: text))
            elif expression := self.regex():
                check = ("matches", expression)
            else:
                self.refuse("a regular expression, or text in quotation marks, is expected")
            return compared(field, operator == "!~", [check])
        self.refuse_bracket()
        if operator[0] in "<>":
            return compared(field, False, [self.checked(partial(kind.ordered, self, operator))])
        if operator != "!=" and self.next() == "*" and self.ends(begun + 1, also="()"):
            self.at += 1
            return ("test", field, ("there",))
        if self.next() == "(":
            kind.check_operator(self, "set", begun)
            self.is_in_set = True
            return compared(field, operator == "!=", self.set(kind))
        self.is_in_set = False

        def check(*value):
            kind.check_operator(self, "!=" if operator == "!=" else "equality", place)
            return kind.equal(self, *value)
        return compared(field, operator == "!=", [self.checked(check)])

    def refuse_bracket(self):
        if self.next() == "[":
            self.refuse("a value without quotation marks does not begin with [")

    def set(self, kind):
        checks, begun = [], self.at
        while True:
            self.at += 1
            self.skip_space()
            self.count_term()
            self.refuse_bracket()
            checks.append(self.checked(partial(kind.equal, self), also=","))
            self.skip_space()
            if self.next() == ")":
                self.at += 1
                return checks
            if self.next() != ",":
                self.refuse(*("expected , or ) in a set", self.at) if self.next() else ("a ( is not closed", begun))


def compared(field, is_negated, checks):
    tests = [("test", field, check) for check in checks]
    tree = ("or", tuple(tests)) if len(tests) > 1 else tests[0]
    return ("and", (("test", field, ("there",)), ("not", tree))) if is_negated else tree


# 3.2 Fields: what each takes

def bounds(text):
    """The bounds of a range, with None for one that is missing; None if it is no range."""
    low, dots, high = text.partition("..")
    return (low or None, high or None) if dots and (low or high) else None


class TextField:
    """`source` and `message`."""
    operators = ("equality", "!=", "set", "~", "order")

    def check_operator(self, parser, operator, at):
        if operator not in self.operators:
            parser.refuse("the field does not have this operator", at)

    def equal(self, parser, text, is_quoted, at):
        if not is_quoted:
            self.check_plain(parser, text, at)
        return ("glob", text) if "*" in text and not is_quoted else ("equals", text)

    @staticmethod
    def check_plain(parser, text, at):
        """Refuses what is no text in other languages: globs with ?, and regular expressions."""
        parser.refuse_wildcard(text, at)
        in_set = parser.is_in_set
        found = re.compile(rf"/(?:\\.|[^/\n\\{',' * in_set}])+/[gims]{{0,3}}", re.DOTALL).match(parser.text, at)
        if found and parser.ends(found.end(), also=")" + "," * in_set):
            parser.refuse("a regular expression stands behind ~", at)

    def ordered(self, parser, operator, text, is_quoted, at):
        return ("order", operator, text)


class AttributeField(TextField):
    def equal(self, parser, text, is_quoted, at):
        if not is_quoted:
            self.check_plain(parser, text, at)
        if not is_quoted and (found := bounds(text)):
            low, high = (None if bound is None else number(bound) for bound in found)
            if (low is None) == (found[0] is None) and (high is None) == (found[1] is None):
                if low is not None and high is not None and low > high:
                    parser.refuse("the lower bound is above the upper one", at)
                return ("between", low, high)
            if all(bound is None or number(bound) is not None or has_unit(bound) for bound in found):
                is_low = found[0] is not None and has_unit(found[0])
                parser.refuse("the unit of an attribute is not known", at if is_low else at + text.index("..") + 2)
        return super().equal(parser, text, is_quoted, at)

    def ordered(self, parser, operator, text, is_quoted, at):
        if not is_quoted and has_unit(text):
            parser.refuse("the unit of an attribute is not known", at)
        return ("order", operator, text)


class KindField(TextField):
    operators = ("equality", "!=", "set")

    def equal(self, parser, text, is_quoted, at):
        if text not in KINDS:
            parser.refuse("no kind", at)
        return ("between", KINDS[text], KINDS[text])


class StreamField(TextField):
    operators = ("equality", "!=", "set", "~")

    def equal(self, parser, text, is_quoted, at):
        name = text.removeprefix("$")
        if not 1 <= len(name) <= 200 or not re.fullmatch(r"[A-Za-z0-9._:@/*?-]+", name) or "" in name.split("/"):
            parser.refuse("no name or pattern of a stream", at)
        return ("pattern", text)


class NumberField(TextField):
    """A field whose values are for ranges of numbers: what a value stands for is in `numbers`."""
    operators = ("equality", "!=", "set", "order")

    def equal(self, parser, text, is_quoted, at):
        found = bounds(text) if not is_quoted else None
        if ".." not in text or is_quoted:
            return ("between", *self.known(parser, text, at))
        if not found:
            parser.refuse("a range without a bound", at)
        low = None if found[0] is None else self.known(parser, found[0], at)[0]
        high = None if found[1] is None else self.known(parser, found[1], at + text.index("..") + 2)[1]
        if low is not None and high is not None and low > high:
            parser.refuse("the lower bound is above the upper one", at)
        return ("between", low, high)

    def ordered(self, parser, operator, text, is_quoted, at):
        low, high = self.known(parser, text, at)
        return {">": ("between", high + 1, None), ">=": ("between", low, None), "<": ("between", None, low - 1),
                "<=": ("between", None, high)}[operator]

    def known(self, parser, text, at):
        if found := self.numbers(text):
            return found
        parser.refuse("no value of the field", at)


class LevelField(NumberField):
    def numbers(self, text):
        if re.fullmatch("[0-9]+", text):
            return (int(text), int(text)) if 1 <= int(text) <= 24 else None
        return LEVELS.get(text.lower()) if text.isascii() else None


class SequenceField(NumberField):
    def numbers(self, text):
        return (int(text), int(text)) if re.fullmatch("[0-9]+", text) and int(text) <= SEQUENCE_MAX else None


class TimeField(NumberField):
    operators = ("equality", "order")

    def equal(self, parser, text, is_quoted, at):
        if ".." not in text or is_quoted:
            parser.refuse("a time is compared by order, or with a range", at)
        return super().equal(parser, text, is_quoted, at)

    def known(self, parser, text, at):
        if not "1970" <= text[:4] <= "2261":
            parser.refuse("no time in the years 1970 to 2261", at)
        return super().known(parser, text, at)

    def numbers(self, text):
        """Of any time that an entry may have."""
        parts = re.fullmatch(
            r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?:(:\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):(\d\d))", text, re.ASCII)
        if not parts or parts[5] and (int(parts[5]) > 23 or int(parts[6]) > 59):
            return None
        try:
            moment = datetime.datetime.fromisoformat(parts[1] + (parts[2] or ":00") + "+00:00")
        except ValueError:
            return None
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        seconds = (moment - epoch) // datetime.timedelta(seconds=1)
        if parts[5]:
            seconds -= int(parts[4] + "1") * (int(parts[5]) * 3600 + int(parts[6]) * 60)
        time = seconds * 1_000_000_000 + int((parts[3] or "").ljust(9, "0"))
        return (time, time) if -2**63 <= time < 2**63 else None


# The signs for what is written >=, <= and !=.
SIGNS = "\u2260\u2264\u2265"
NAME = re.compile(rf"(?:(?![{SIGNS}])[A-Za-z_@$\x80-\U0010ffff])(?:(?![{SIGNS}])[A-Za-z_@$\x80-\U0010ffff0-9.-])*")
# What fields are called elsewhere.
FOREIGN_NAME = re.compile("(?a:(?i:level|source|message|kind|stream|seq|time|severity|msg|received|has|_exists_"
                          "|(?:attributes|attr)[.].+))", re.DOTALL)
ATTRIBUTE = AttributeField()
FIELDS = {"level": LevelField(), "source": TextField(), "message": TextField(), "kind": KindField(),
          "stream": StreamField(), "seq": SequenceField(), "time": TimeField()}


NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"


def has_unit(text):
    """Whether a text is a number with nothing but letters behind it."""
    return re.fullmatch(NUMBER + r"[A-Za-z\x80-\U0010ffff]+", text)


def number(text):
    """The int or float that a text stands for; None if it is no number."""
    if len(text) > NUMBER_TEXT_MAX or not re.fullmatch(NUMBER, text):
        return None
    if re.fullmatch("-?[0-9]+", text) and -2**63 <= int(text) < 2**63:
        return int(text)
    return float(text)
