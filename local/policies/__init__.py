"""What makes the built-in node keep NetworkPolicies: a daemon that turns them into one nftables table.

`watch` follows pods, namespaces and policies; `peers` and `rules` work out which addresses may talk to which; `table`
writes that for the kernel. Each change replaces all rules in one transaction, so that they are never half applied.
"""
