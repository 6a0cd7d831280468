"""Azure Resource Manager as pure data: ids, bodies, errors, paging."""
