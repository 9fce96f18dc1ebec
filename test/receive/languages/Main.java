import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.InetSocketAddress;
import javax.sql.DataSource;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.context.annotation.Bean;
import org.springframework.context.support.PropertySourcesPlaceholderConfigurer;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.mvc.annotation.ResponseStatusExceptionResolver;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;
import org.springframework.web.servlet.mvc.support.DefaultHandlerExceptionResolver;

/** What Spring Boot would make around the recipe. Debian's Spring is too old for configuration classes on its own Java. */
public class Main {
  @Bean
  public static PropertySourcesPlaceholderConfigurer placeholders() {
    return new PropertySourcesPlaceholderConfigurer();
  }

  @Bean
  public RequestMappingHandlerMapping mapping() {
    return new RequestMappingHandlerMapping();
  }

  @Bean
  public RequestMappingHandlerAdapter adapter() {
    return new RequestMappingHandlerAdapter();
  }

  @Bean
  public ResponseStatusExceptionResolver resolver() {
    return new ResponseStatusExceptionResolver();
  }

  @Bean
  public DefaultHandlerExceptionResolver otherResolver() {
    return new DefaultHandlerExceptionResolver();
  }

  @Bean
  public DataSource dataSource() {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setUrl(System.getenv("JDBC_URL"));
    return source;
  }

  @Bean
  public JdbcTemplate jdbcTemplate(DataSource source) {
    return new JdbcTemplate(source);
  }

  @Bean
  public TransactionTemplate transactionTemplate(DataSource source) {
    return new TransactionTemplate(new DataSourceTransactionManager(source));
  }

  @Bean
  public ObjectMapper objectMapper() {
    return new ObjectMapper();
  }

  public static void main(String[] arguments) throws Exception {
    AnnotationConfigWebApplicationContext context = new AnnotationConfigWebApplicationContext();
    context.register(Main.class, WebhookController.class);
    ServletContextHandler handler = new ServletContextHandler();
    handler.addServlet(new ServletHolder(new DispatcherServlet(context)), "/*");
    Server server = new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))));
    server.setHandler(handler);
    server.start();
  }
}
