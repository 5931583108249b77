"""Checks that say what is wrong in words: one that says nothing has found nothing."""

from collections.abc import Callable, Iterator

Findings = Iterator[str]


class Checks(list):
    """The checks of one subject, each added by decorating it."""

    def __call__(self, function: Callable[..., Findings]) -> Callable[..., Findings]:
        self.append(function)
        return function

    def findings(self, subject) -> Findings:
        """Everything that is wrong, each line begun with its check's name."""
        for each in self:
            try:
                for finding in each(subject):
                    yield f"{each.__name__}: {finding}"
            except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                # What a check stumbles over is not there, or not in the form that it must have. (A generator tells
                # StopIteration as RuntimeError.)
                yield f"{each.__name__}: {type(error).__name__} {error}"


def differs(what: str, wanted, has) -> Findings:
    if isinstance(wanted, (set, dict)) and isinstance(has, (set, dict)):
        for item in sorted(map(str, set(wanted) - set(has))):
            yield f"{what}: {item} is missing"
        for item in sorted(map(str, set(has) - set(wanted))):
            yield f"{what}: {item} does not belong"
        if isinstance(wanted, dict) and isinstance(has, dict):
            for key in wanted.keys() & has.keys():
                if wanted[key] != has[key]:
                    yield f"{what}: {key} is {has[key]}, not {wanted[key]}"
    elif wanted != has:
        yield f"{what} is {has}, not {wanted}"
