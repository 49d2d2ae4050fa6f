output "easel" {
  description = "What releases and people need to know: see the outputs of modules/platform."
  value       = module.easel
}
