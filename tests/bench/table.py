"""A table of measurements: each row is one thing measured several times, shown by its median."""
from meter import median

WIDTHS = (52, 16, 34)


class Table:
    def __init__(self, title):
        self.title = title
        print(f"\n{title}\n{'-' * len(title)}", flush=True)

    def row(self, what, values, unit="", ratio="", digits=2):
        """values: one number or several runs. ratio: what the figure says beside another one."""
        values = values if isinstance(values, (list, tuple)) else [values]
        shown = f"{median(values):,.{digits}f} {unit}".strip()
        if len(values) > 1:
            ratio = f"{ratio + '; ' if ratio else ''}{len(values)} runs, " \
                    f"{min(values):,.{digits}f} to {max(values):,.{digits}f}"
        print(f"  {what:<{WIDTHS[0]}} {shown:>{WIDTHS[1]}}   {ratio}".rstrip(), flush=True)

    def missing(self, what, why):
        print(f"  {what:<{WIDTHS[0]}} {'-':>{WIDTHS[1]}}   {why}", flush=True)
