"""seif in a notebook: constraints, a judge and a run, without the command line.

Run it as it is, or paste it cell by cell; it takes a directory for the run: python examples/notebook.py runs/notebook
"""

# %% Constraints: from text to rules, exact checks, contradictions
import sys

import seif

texts = ["Use only lowercase.", "Write at least 2 sentences.", "Be kind."]
constraints = seif.compile_constraints(texts)
print([constraint.instruction_id for constraint in constraints])
print(seif.verify("it is old. it is kind.", constraints[0].instruction_id, constraints[0].kwargs))
print(seif.find_conflicts([constraints[0], *seif.compile_constraints(["Use only uppercase."])]))

# %% A judge: rules decide what they can and leave the rest unjudged
rules = seif.load_config(model="none", judger={"kind": "rules"})
response = seif.Response(seif.Instruction("Tell me about the owl.", tuple(constraints)), "it is old. it is kind.")
for constraint, judgement in zip(constraints, seif.judge(rules, [response])[0], strict=True):
    print(constraint.text, judgement.verdict.name, judgement.cause)

# %% A run: first what it would do, then one turn of the embedded model
small = ["evaluation.tasks=12", "instructor.steps=1", "follower.steps=1"]
config = seif.load_config("nano-tiny", small)
print(seif.plan(config).turns)
if len(sys.argv) > 1:
    for evaluation in seif.run(config, sys.argv[1]).evaluations:
        print(evaluation.turn, evaluation.greedy)
