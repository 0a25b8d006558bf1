"""What the checks of the chart found: faults, and how much was looked at."""

faults, counted = [], {}


def fault(text):
    faults.append(text)
    print(f"  FAULT {text}")


def expect(good, text, kind="checks"):
    counted[kind] = counted.get(kind, 0) + 1
    if not good:
        fault(text)


def section(text):
    print(text, flush=True)
