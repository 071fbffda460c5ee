"""Incidents, and their postmortems: which there were, what was said, what was known when.

listed    the estate's slot ``incident`` ──► one incident, whoever opened it
words     what records say of it: stages, causes
timeline  what happened around it, in order
knowing   what the log knew at a moment, and what ``why`` would have answered then
unsure    where that was uncertain, which gap did it, what mends it
question  where it is asked
pages     a report as blocks, for people to read
"""
