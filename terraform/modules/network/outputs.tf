output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Ids of the subnets of the load balancer, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Ids of the subnets of tasks and GPU instances, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "data_subnet_ids" {
  description = "Ids of the subnets of database, cache and file system, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.data[zone].id]
}

output "private_route_table_ids" {
  description = "Ids of the route tables of the private subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_route_table.private[zone].id]
}
