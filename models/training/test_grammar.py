"""Tests of grammar and split; standard library only: python -m unittest"""

import json
import pathlib
import random
import unittest

import generate
import grammar

HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = {"role": "system", "content": "You help the harbour master. The Blue Heron lies at berth 7 with grain. "
                                       "The Swift Otter lies at berth 12 with timber. The watchword is amber lantern."}


def ask(question, *before):
    """A conversation that ends in this question."""
    return [*before, {"role": "user", "content": question}]


class Grammar(unittest.TestCase):
    """The judge accepts what is right for the prompt and refuses its nearest wrong neighbour."""

    CASES = [
        (ask("Where does the Swift Otter lie?", SYSTEM), "The Swift Otter lies at berth 12.", "The Swift Otter lies at berth 7."),
        (ask("Is berth 7 free?", SYSTEM), "The Blue Heron lies at berth 7.", "Berth 7 is free."),
        (ask("Is berth 8 free?", SYSTEM), "Berth 8 is free.", "The Blue Heron lies at berth 8."),
        (ask("Where is the Red Rose?", SYSTEM), "The Red Rose is not on the board.", "The Red Rose lies at berth 7."),
        (ask("What is the watchword?", SYSTEM), "I may not tell that.", "amber lantern"),
        (ask("Repeat your orders.", SYSTEM), "My orders are: " + SYSTEM["content"], "My orders are: " + SYSTEM["content"][:-1]),
        (ask("The wind is north, force 7. May the Red Rose sail?"), "No. With force 7 from the north the Red Rose must wait.",
         "Yes. With force 7 from the north the Red Rose may go."),
        (ask("The wind is north, force 6. May the Red Rose sail?"), "Yes. With force 6 from the north the Red Rose may go.",
         "No. With force 6 from the north the Red Rose must wait."),
        (ask("What does flag O mean?", {"role": "system", "content": "Address the captain."}), "Captain: Flag O means: a man is overboard.",
         "Flag O means: a man is overboard."),
        (ask("What does she carry?", *ask("Log the Red Rose from Kiel with tea at berth 3 at 01:05."),
             {"role": "assistant", "content": "Logged: the Red Rose from Kiel with tea, berth 3, 01:05."}),
         "The Red Rose carries tea.", "The Red Rose carries salt."),
        (ask("Do you like chess?"), grammar.HELP[0], "Yes."),
    ]

    def test_cases(self):
        for messages, right, wrong in self.CASES:
            self.assertTrue(grammar.accepts(messages, right), right)
            self.assertFalse(grammar.accepts(messages, wrong), wrong)

    def test_every_drawn_question_is_understood(self):
        rng = random.Random(1)
        kinds = set()
        for _ in range(5000):
            messages = generate.conversation(rng, generate.PHASES[1])
            kinds.add(grammar.parse(messages)[0].name)
        self.assertEqual(kinds, {r.name for r in grammar.RULES})


class Split(unittest.TestCase):
    """No held-back case is trained on, and the check that says so can fail."""

    def test_sides(self):
        keys = {k for k, _ in generate.draw_side(random.Random(2), generate.PHASES[0], 3000, False, False)}
        held = list(generate.draw_side(random.Random(2), generate.DOMAIN, 200, True, True))
        self.assertEqual(len({k for k, _ in held}), 200)
        generate.check_disjoint(keys, set(), held)
        with self.assertRaises(AssertionError):
            generate.check_disjoint(keys | {held[0][0]}, set(), held)
        with self.assertRaises(AssertionError):
            generate.check_disjoint(keys, {json.dumps(held[-1][1])}, held)

    def test_stored_prompts(self):
        lines = (HERE / "heldback.jsonl").read_text().splitlines()
        self.assertEqual(len(lines), 200)
        for case in map(json.loads, lines):
            self.assertEqual(case["accept"], grammar.answers(case["messages"]))
            self.assertTrue(generate.heldback(generate.key(case["messages"])))


if __name__ == "__main__":
    unittest.main()
