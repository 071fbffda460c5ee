"""Where a service can go back to: the last reality that was good, and how.

realities   what changed ──► Stand, newest first
grounds     what records say of a reality: canaries, incidents, who vouches for its parts
migrations  what was applied since, and whether it can be undone
commands    how each part was deployed ──► what brings the earlier one back
question    all of it ──► Rollback
"""
