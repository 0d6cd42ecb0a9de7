"""Search: from the query to the ranked results, their terms and the recall events they leave."""
