"""What every app stands on and no domain knows: errors, tenancy, paging, health."""
