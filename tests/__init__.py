"""The tests; what several of them share lies in the modules beside this one."""
