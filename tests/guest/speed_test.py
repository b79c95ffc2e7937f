#!/usr/bin/env python3
"""The writers of speed.py, on figures that are known."""
import json
import re
import unittest
import xml.etree.ElementTree as xml

import speed

NS = "{http://www.w3.org/2000/svg}"


def record():
    return {"date": "2026-01-02", "machine": "A & B <cpu>", "cores": 4,
            "load": [0.25, 1.5], "rounds": 3, "tier": "auto",
            "qemu": "QEMU 7.2", "programs": [
                {"name": "one", "equal": True, "seconds": {
                    "native": 0.5, "qemu": 8.0, "cold": 2.0, "warm": 1.0}},
                {"name": "two<&", "equal": True, "seconds": {
                    "native": 2.0, "qemu": 8.0, "cold": 4.0, "warm": 1.0}}]}


def bars(text):
    """(class, top, height) of each bar; the legend's squares left out."""
    return [(r.get("class"), float(r.get("y")), float(r.get("height")))
            for r in xml.fromstring(text).iter(NS + "rect")
            if r.get("class") != "back" and r.get("width") != "12"]


class Figures(unittest.TestCase):
    def test_means(self):
        mean, n = speed.means(record())
        self.assertEqual(n, 2)
        for way, want in ("qemu", 8), ("cold", 8 ** 0.5), ("warm", 1):
            self.assertAlmostEqual(mean[way], want)

    def test_means_are_of_the_same_programs(self):
        r = record()
        del r["programs"][1]["seconds"]["qemu"]
        mean, n = speed.means(r)
        self.assertEqual(n, 1)
        self.assertAlmostEqual(mean["cold"], 4)
        self.assertEqual(speed.mean_title(r), "geometric mean of 1")

    def test_wrong_output_has_no_ratio(self):
        r = record()
        r["programs"][0]["equal"] = False
        self.assertIsNone(speed.ratio(r["programs"][0], "warm"))
        self.assertIn("| one (WRONG OUTPUT) | 0.50 | - | - | - |",
                      speed.markdown(r))

    def test_json(self):
        got = json.loads(speed.as_json(record()))
        self.assertEqual(got["programs"][0]["ratios"],
                         {"qemu": 16, "cold": 4, "warm": 2})
        self.assertAlmostEqual(got["mean"]["qemu"], 8)
        self.assertEqual(got["mean_of"], 2)


class Markdown(unittest.TestCase):
    def test_table(self):
        self.assertTrue(speed.markdown(record()).startswith(
            "| program | native s | QEMU / native | metic, cold / native | "
            "metic, warm / native |\n"
            "|---|---:|---:|---:|---:|\n"
            "| one | 0.50 | 16.00 | 4.00 | 2.00 |\n"
            "| two<& | 2.00 | 4.00 | 2.00 | 0.50 |\n"
            "| geometric mean |  | 8.00 | 2.83 | 1.00 |\n\n"))

    def test_without_qemu(self):
        r = record()
        r["qemu"] = None
        for p in r["programs"]:
            del p["seconds"]["qemu"]
        text = speed.markdown(r)
        self.assertNotIn("QEMU /", text)
        self.assertIn("| one | 0.50 | 4.00 | 2.00 |", text)
        self.assertEqual(len(bars(speed.svg(r))), 6)

    def test_busy_machine_is_said(self):
        r = record()
        self.assertNotIn("busy", speed.markdown(r))
        r["load"][0] = 9
        self.assertIn("busy", speed.markdown(r))
        self.assertIn("busy", speed.svg(r))

    def test_put_between(self):
        old = f"a\n{speed.BEGIN}\nold\n{speed.END}\nb\n"
        new = speed.put_between(old, "new\n")
        self.assertEqual(new, f"a\n{speed.BEGIN}\nnew\n{speed.END}\nb\n")
        self.assertEqual(speed.put_between(new, "new\n"), new)
        for bad in ("", speed.BEGIN, speed.END + speed.BEGIN, old + old):
            with self.assertRaises(ValueError):
                speed.put_between(bad, "new")


class Chart(unittest.TestCase):
    def test_bars(self):
        """From 1/2 to 16 in PLOT pixels: five steps, native's line at 1."""
        step, one = speed.PLOT / 5, speed.TOP + speed.PLOT * 4 / 5
        up = [("qemu", 4), ("cold", 2), ("warm", 1), ("qemu", 2),
              ("cold", 1), ("warm", -1), ("qemu", 3), ("cold", 1.5),
              ("warm", 0)]
        got = bars(speed.svg(record()))
        self.assertEqual([b[0] for b in got], [w for w, _ in up])
        for (_, top, height), (_, e) in zip(got, up):
            self.assertAlmostEqual(height, abs(e) * step, delta=0.11)
            self.assertAlmostEqual(top, one - max(e, 0) * step, delta=0.06)

    def test_texts(self):
        root = xml.fromstring(speed.svg(record()))
        texts = [t.text for t in root.iter(NS + "text")]
        for want in ("two<&", "16", "2.83", "0.5", "1×", "16×", "0.5×",
                     "QEMU", "metic, cold", "metic, warm", "geometric mean"):
            self.assertIn(want, texts)
        self.assertTrue(any("logarithmic" in t for t in texts))
        self.assertTrue(any("A & B <cpu>" in t for t in texts))

    def test_inside(self):
        root = xml.fromstring(speed.svg(record()))
        width, height = int(root.get("width")), int(root.get("height"))
        for r in root.iter(NS + "rect"):
            x, y, w, h = (float(r.get(k)) for k in
                          ("x", "y", "width", "height"))
            self.assertTrue(0 <= x and x + w <= width, r.attrib)
            self.assertTrue(0 <= y and y + h <= height, r.attrib)
        for t in root.iter(NS + "text"):
            if not t.get("text-anchor") and t.get("class") == "small":
                end = float(t.get("x")) + len(t.text) * speed.LETTER
                self.assertLessEqual(end, width, t.text)
            self.assertLess(float(t.get("y")), height)

    def test_each_class_has_both_colours(self):
        """What is drawn has a colour for light and for dark pages."""
        text = speed.svg(record())
        light, dark = text.split("</style>")[0].split("@media")
        for name in set(re.findall(r'class="(\w+)"', text)) - {
                "small", "title"}:
            self.assertRegex(light, rf"\.{name} {{")
            self.assertRegex(dark, rf"\.{name} {{")

    def test_missing_figure(self):
        r = record()
        del r["programs"][1]["seconds"]["qemu"]
        self.assertEqual(len(bars(speed.svg(r))), 8)


if __name__ == "__main__":
    unittest.main()
