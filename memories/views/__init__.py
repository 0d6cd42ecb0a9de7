"""What people read of schema `dreams`: explanations, counts, canned questions, watched figures."""
