"""Adds up every 835 named on the command line, with nothing of ours: line, claim and payment level.

Says which rule of which claim (by its place in the file) does not hold; never an element's value.
"""
import sys
from decimal import Decimal

ZERO = Decimal(0)


def money(text):
    return Decimal(text) if text else ZERO


def adjustments(elements):
    """The amounts of a CAS: its third, sixth, … element."""
    return sum((money(amount) for amount in elements[3::3]), ZERO)


class Claim:
    def __init__(self, place, elements):
        self.place = place
        self.charge, self.paid, self.patient = (money(elements[n]) if len(elements) > n else ZERO for n in (3, 4, 5))
        self.adjusted = ZERO
        self.owed_by_patient = ZERO
        self.lines = []

    def faults(self):
        line_adjusted = sum((line["adjusted"] for line in self.lines), ZERO)
        if any(line["charge"] - line["adjusted"] != line["paid"] for line in self.lines):
            yield "a line's charge less its adjustments is not its payment"
        if self.charge - self.adjusted - line_adjusted != self.paid:
            yield "charge less all adjustments is not the payment"
        if self.lines and self.charge != sum((line["charge"] for line in self.lines), ZERO):
            yield "the charge is not the sum of its lines"
        if self.lines and self.paid != sum((line["paid"] for line in self.lines), ZERO) - self.adjusted:
            yield "the payment is not the sum of its lines"
        if self.patient != self.owed_by_patient:
            yield "patient responsibility is not the sum of its PR adjustments"


def faults(text):
    separator, terminator = text[3], text[105]
    payment, provider, claims = ZERO, ZERO, []
    for segment in text.split(terminator):
        elements = segment.strip().split(separator)
        tag = elements[0]
        if tag == "ST":
            payment, provider, claims = ZERO, ZERO, []
        elif tag == "BPR":
            payment = money(elements[2])
        elif tag == "CLP":
            claims.append(Claim(len(claims) + 1, elements))
        elif tag == "SVC":
            claims[-1].lines.append({"charge": money(elements[2]), "paid": money(elements[3]), "adjusted": ZERO})
        elif tag == "CAS":
            amount = adjustments(elements)
            if claims[-1].lines:
                claims[-1].lines[-1]["adjusted"] += amount
            else:
                claims[-1].adjusted += amount
            claims[-1].owed_by_patient += amount if elements[1] == "PR" else ZERO
        elif tag == "PLB":
            provider += sum((money(amount) for amount in elements[4::2]), ZERO)
        elif tag == "SE":
            for claim in claims:
                for fault in claim.faults():
                    yield f"claim {claim.place}: {fault}"
            if payment != sum((claim.paid for claim in claims), ZERO) - provider:
                yield "the payment is not the claims' less the provider's adjustments"


def main(paths):
    wrong = 0
    for path in paths:
        with open(path, encoding="latin-1") as file:
            for fault in faults(file.read()):
                wrong += 1
                print(f"{path}: {fault}")
    print(f"835 files: {len(paths)}, faults: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
