"""PromQL where people look: `%%promql` in a notebook, as a table and as a picture."""
