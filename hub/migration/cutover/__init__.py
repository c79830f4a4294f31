"""The hours of decision: gates, milestones, approval, freeze, opening, the way back."""
