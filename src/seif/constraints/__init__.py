"""What rules can check, rules check: verifiers, the compiler from text to verifier, and static conflicts."""
