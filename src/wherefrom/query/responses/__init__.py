"""What answered trouble, and whether it may.

history  records of a plan ──► its stages, each with who says it
planned  a rule, and where a service can go back to ──► Plan
allowed  plan, rule, stages, what else was done ──► why it may not be carried out
"""
